"""What people see of themselves and change about themselves, beside their second factor and their tokens."""
