"""Small trainings that say whether an option of training does what it is for."""
