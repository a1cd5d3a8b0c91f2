"""What people read: rendered findings and tables."""
