"""Files that residents hand in: checked by their content, kept in GridFS, read by their owner and the case's staff."""
