"""The liquid network: pure maths, arrays in and arrays out.

spec             sizes, names and ranges of one policy
time_constants   the bounded time constants of the cell
initialisation   random initial weights
kernel           the core (RK4) over a window of samples
head             policy features and readout, and the whole policy over a window
streaming        the whole policy one sample at a time, without allocation
gradient         exact analytic gradients of the window form
torch_policy     the policy as a torch module (the only file here that imports torch)
"""
