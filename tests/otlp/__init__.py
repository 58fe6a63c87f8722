"""A receiver of spans, as a collector is one."""
