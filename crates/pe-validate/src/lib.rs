//! Pure checks that turn a plan, a tool catalog and limits into a report and a plan that can be executed.
