"""What users and tools call."""
