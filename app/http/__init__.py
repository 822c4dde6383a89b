"""The edge: middleware, problem documents, strict JSON, building blocks of schemas, health, OpenAPI."""
