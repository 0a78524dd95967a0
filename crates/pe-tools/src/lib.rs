//! Built-in tools, each with schemas, an effect class and a resource.
