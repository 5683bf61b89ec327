#include "fixed_share.hpp"

#include <algorithm>
#include <cmath>

namespace liquid {

void share(int estimates, int outputs, const double* squared_errors, const double* variance,
           double samples, double loss_max, double share_per_sample, const double* shares,
           double* weights) {
  const double dealt = 1.0 - std::pow(1.0 - share_per_sample, samples);
  for (int o = 0; o < outputs; ++o) {
    const auto loss = [&](int k) {
      return samples * std::min(squared_errors[k * outputs + o] / (2.0 * variance[o]), loss_max);
    };
    double least = loss(0), sum = 0.0;
    for (int k = 1; k < estimates; ++k) least = std::min(least, loss(k));
    for (int k = 0; k < estimates; ++k)
      sum += weights[k * outputs + o] *= std::exp(least - loss(k));
    for (int k = 0; k < estimates; ++k) {
      double& weight = weights[k * outputs + o];
      weight = (1.0 - dealt) * weight / sum + dealt * shares[k];
    }
  }
}

}  // namespace liquid
