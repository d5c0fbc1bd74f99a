"""What is known of a customer: handed out whole, and removed."""
