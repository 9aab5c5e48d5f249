"""NeMoS 0.2: ClassifierGLM takes its classes from the response, and raises where a class has no row."""

import nemos as nmo
import numpy as np

x, y = np.array([[0.0], [0.0], [0.0], [1.0], [1.0], [1.0]]), np.array([0, 1, 1, 0, 0, 1])
for classes in (2, 3):
    try:
        model = nmo.glm.ClassifierGLM(n_classes=classes, regularizer="UnRegularized").fit(x, y)
        print(classes, "classes: probabilities", np.asarray(model.predict_proba(x[[0, 3]], "proba")).tolist())
    except ValueError as error:
        print(classes, "classes:", str(error).partition(".")[0])
