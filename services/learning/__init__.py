"""What residents and officers do with answers becomes proposals for the catalogue and the knowledge base."""
