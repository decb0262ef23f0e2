"""Pages and actions of organisations, members and invitations."""
