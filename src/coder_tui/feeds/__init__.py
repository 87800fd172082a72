"""From a deployment's streams to fleet events; each task owned, each failure shown as link state."""
