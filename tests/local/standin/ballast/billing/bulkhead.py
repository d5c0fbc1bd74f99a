"""What the web server says to the bulkhead, and nothing that listens."""

THREADS = "BALLAST_WEB_THREADS"
