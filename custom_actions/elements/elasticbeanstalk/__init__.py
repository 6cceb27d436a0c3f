"""Elements for Elastic Beanstalk."""
