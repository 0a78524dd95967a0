//! The pure scheduler, the tokio driver around it and the virtual-time simulator.
