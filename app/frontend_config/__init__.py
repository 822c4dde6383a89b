"""What a frontend must know of the settings to say true sentences."""
