int not_defined_with_debug_information = 8;
