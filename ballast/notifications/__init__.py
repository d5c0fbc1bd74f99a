"""What we tell the world: rows first, delivery second."""
