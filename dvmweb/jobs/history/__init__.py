"""What can be read from the journals of jobs that have ended: causes of failures, times of steps, recent ends."""
