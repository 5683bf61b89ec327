#include "fixed_share.hpp"

#include <algorithm>
#include <cmath>

namespace liquid {

void share(int estimates, int outputs, const double* squared_errors, const double* variance,
           double samples, double unseen, double loss_max, double share_per_sample,
           const double* shares, double* weights) {
  const double dealt = 1.0 - std::pow(1.0 - share_per_sample, samples);
  const double dealt_unseen = 1.0 - std::pow(1.0 - share_per_sample, unseen);
  for (int o = 0; o < outputs; ++o) {
    double best = squared_errors[o];
    for (int k = 1; k < estimates; ++k) best = std::min(best, squared_errors[k * outputs + o]);
    const double unknown = std::max(variance[o], unseen / (1.0 + unseen) * best);
    const auto loss = [&](int k) {
      return samples * std::min(squared_errors[k * outputs + o] / (2.0 * unknown), loss_max);
    };
    double least = loss(0), sum = 0.0;
    for (int k = 1; k < estimates; ++k) least = std::min(least, loss(k));
    for (int k = 0; k < estimates; ++k) {
      double& weight = weights[k * outputs + o];
      weight += dealt_unseen * (shares[k] - weight);
      sum += weight *= std::exp(least - loss(k));
    }
    for (int k = 0; k < estimates; ++k) {
      double& weight = weights[k * outputs + o];
      weight = (1.0 - dealt) * weight / sum + dealt * shares[k];
    }
  }
}

}  // namespace liquid
