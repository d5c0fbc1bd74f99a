"""The processor sandbox: a foreign system in our tree that speaks the wire protocols of the processors on loopback."""
