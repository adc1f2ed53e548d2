mod buying;
mod downloading;
mod issuing;
mod money;
mod returning;
mod watching;
