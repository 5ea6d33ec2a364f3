"""How a policy is declared and read: rules, relations between resources, IAM documents, controls, exemptions."""
