"""The named checks of a plan: each reads the output of a step's command and decides how the job goes on."""
