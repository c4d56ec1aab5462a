"""The stream: posts from Kafka, scored by two small models, kept in PostgreSQL."""
