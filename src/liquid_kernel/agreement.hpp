// Whether labels that are far off are outliers or of a world that has changed; for label_gate.cpp.
#pragma once

#include <vector>

namespace liquid {

// Outliers know nothing of each other; labels of a changed world do: what ridge regression learns of
// the first tells the second,
//
//   e2 ~ (phi2 . phi1) / (phi1 . phi1) e1
//
// and the chance that two unrelated errors of D numbers come as near as that is about (off / size)^D,
// with D the number of outputs that they are spread over (participation ratio). With r the share of
// labels so far that were outliers of at least that size, r^2 (off / size)^D is how likely it is that
// two of them look like a change.
class Agreement {
 public:
  // Takes the next label. error (outputs): what the mixture leaves of it, spread (outputs): what it
  // usually leaves, phi (features): of its sample, is_far: whether it is further off than is usual.
  // outliers (outlier_labels): how large each of the newest labels before was if it was an outlier,
  // else 0, oldest first; negative where there was none yet. Written.
  // Returns whether this label and the one before are of a world that has changed.
  bool take(const double* error, const double* spread, int outputs, const double* phi, int features,
            bool is_far, double* outliers, int outlier_labels);

  // The next label does not follow the one before.
  void forget();

 private:
  double chance(const double* error, const double* spread, const double* phi) const;

  std::vector<double> error_, phi_;  // of the label before; empty where it was not far off
  bool has_begun_ = false, agreed_ = false;
};

}  // namespace liquid
