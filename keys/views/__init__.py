"""Pages and actions of keys."""
