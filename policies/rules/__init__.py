"""The policies of the policy pack, with one module for each subject."""
