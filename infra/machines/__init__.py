"""Code that shield machines (regional caches) and PoP machines share.

`user_data.py` renders cloud-init user data. `ec2.py` creates machines with Debian on EC2, and `gce.py` machines with
Ubuntu on Compute Engine. `files/` has the files of every machine whose cache is on local NVMe disks.
"""
