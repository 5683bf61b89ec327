// Weights of estimates that follow how right each of them was; what adaptation/fixed_share.py calls.
#pragma once

namespace liquid {

// Shifts weights (estimates, outputs), each column of which sums to 1, towards estimates whose
// squared errors (estimates, outputs) are small against the variance (outputs). shares (estimates):
// what is dealt out anew, share_per_sample of all weight for each of so many samples, and for as
// many as went by unseen before these counted. The more did, the more of what the best estimate
// leaves is taken for what none can know, where that is more than the variance.
void share(int estimates, int outputs, const double* squared_errors, const double* variance,
           double samples, double unseen, double loss_max, double share_per_sample,
           const double* shares, double* weights);

}  // namespace liquid
