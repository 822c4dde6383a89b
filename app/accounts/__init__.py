"""Who someone is: address, password, status, epoch."""
