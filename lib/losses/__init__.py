"""What training minimises: named terms between restored and clean, and the GAN's.

May import: deepfilter, models.
"""
