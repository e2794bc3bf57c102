"""The whole loop on one machine: supervises the three services and replays cameras; home of the `keepsight` command."""
