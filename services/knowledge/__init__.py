"""What consultation staff know: questions with answers that cite an item's version, and answers kept ready."""
