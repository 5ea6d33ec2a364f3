"""The framework of the policy pack: declaration of policies, relations between resources, IAM documents, controls and
exemptions.
"""
