"""Views: parse, authorize, one domain call, render. They read through selects and never write."""
