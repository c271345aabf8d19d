"""What supervisors have to look at: time limits that turn yellow or red, second notices, answers that are late."""
