"""Pages and actions of the support desk."""
