"""What the DAG does, in modules that know nothing of Airflow."""
