"""`streamrank replay`: write what was recorded to a topic again, at its own pace or faster."""
