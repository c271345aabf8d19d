"""Complaints, requests and questions to a department (投诉、求助、咨询), answered within a time limit."""
