"""Pages and answers: formats of numbers and moments, problem details, headers of safety."""
