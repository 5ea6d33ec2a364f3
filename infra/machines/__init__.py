"""Code that shield machines (regional caches) and PoP machines share.

`user_data.py` renders cloud-init user data, and `ec2.py` creates machines with Debian on EC2. `files/` has the files of
every machine whose cache is on local NVMe disks.
"""
