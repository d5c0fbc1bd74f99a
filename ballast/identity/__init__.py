"""Who is who: users, organizations, members and roles, API keys."""
