"""Applications for items and their way through the offices: form, materials, tasks, decision, result (网上申报)."""
