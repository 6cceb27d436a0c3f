"""Whether what is deployed is alive: what should be there, what was read, and what follows from both.

`expected` says from the policy what c7n would deploy, `reading` asks AWS, `checks` judges, `probe` sends an event.
"""
