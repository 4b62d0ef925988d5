"""All that a mapper may import."""
