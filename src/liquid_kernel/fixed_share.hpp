// Weights of estimates that follow how right each of them was; what adaptation/fixed_share.py calls.
#pragma once

namespace liquid {

// Shifts weights (estimates, outputs), each column of which sums to 1, towards estimates whose
// squared errors (estimates, outputs) are small against the variance (outputs). shares (estimates):
// what is dealt out anew, share_per_sample of all weight for each of so many samples.
void share(int estimates, int outputs, const double* squared_errors, const double* variance,
           double samples, double loss_max, double share_per_sample, const double* shares,
           double* weights);

}  // namespace liquid
