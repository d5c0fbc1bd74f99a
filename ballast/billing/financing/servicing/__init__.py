"""Servicing: what changes a running agreement. Each act is looked at first (`acting.preview`), then done so (`acting.act`)."""
