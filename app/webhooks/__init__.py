"""Webhooks: tell other systems what happened, as Standard Webhooks has it."""
