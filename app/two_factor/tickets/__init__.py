"""Enrolling at log-in: the right password of an overdue account buys a ticket, and that a second factor."""
