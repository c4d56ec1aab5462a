"""Apply: carries out the steps of a plan and yields an event for everything that happens."""
